document.querySelectorAll("th").forEach(function(head){
  function sort(){
    var table=head.closest("table"),at=Array.from(head.parentNode.children).indexOf(head);
    var up=head.getAttribute("aria-sort")!=="ascending";
    table.querySelectorAll("th").forEach(function(one){one.removeAttribute("aria-sort")});
    head.setAttribute("aria-sort",up?"ascending":"descending");
    var value=function(row){
      var text=row.children[at].textContent.trim(),number=parseFloat(text.replace(/^about /,"").replace(/[,$]/g,""));
      return isNaN(number)?text:number};
    Array.from(table.tBodies[0].rows).sort(function(a,b){
      var x=value(a),y=value(b),found=typeof x===typeof y?(x<y?-1:x>y?1:0):(typeof x==="number"?-1:1);
      return up?found:-found}).forEach(function(row){table.tBodies[0].appendChild(row)})}
  head.tabIndex=0;head.addEventListener("click",sort);
  head.addEventListener("keydown",function(event){if(event.key==="Enter")sort()})});
